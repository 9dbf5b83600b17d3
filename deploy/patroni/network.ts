/** Where the hosts of a cluster are: on loopback, or each in a network namespace of its own. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Host {
  readonly name: string;
  readonly address: string;
}

export interface Network {
  /** The first three bytes of all addresses. */
  readonly prefix: string;
  /** Goes before a command that is to run on a host. */
  on(host: string): readonly string[];
}

/** All hosts on this machine's loopback, whose every address is this machine. Nobody can be cut off there. */
export function loopback(prefix = '127.77.0'): Network {
  return { prefix, on: () => [] };
}

/** What may be sent on to a port of a host, for `Namespaces.block`. */
export interface Block {
  readonly to: string;
  readonly port: number;
}

/**
 * A network namespace for each host, on one bridge at which this process sits with `.1`:
 *
 *   this process ── bridge ──┬── db1 (.11)
 *                            ├── db2 (.12) …
 *                            └── lb (.10)
 *
 * The process must be root in namespaces of its own (`unshare --net --mount --pid`): then nothing of this is seen
 * elsewhere on the machine, and all of it is gone when the process is.
 */
export class Namespaces implements Network {
  readonly prefix: string;

  private constructor(prefix: string) {
    this.prefix = prefix;
  }

  static create(hosts: readonly Host[], prefix: string): Namespaces {
    const lines = [
      'link set lo up',
      'link add lan type bridge',
      `addr add ${prefix}.1/24 dev lan`,
      'link set lan up',
    ];
    for (const { name, address } of hosts)
      lines.push(
        `netns add ${name}`,
        `link add to-${name} type veth peer name eth0 netns ${name}`,
        `link set to-${name} master lan up`,
        `-n ${name} link set lo up`,
        `-n ${name} addr add ${address}/24 dev eth0`,
        `-n ${name} link set eth0 up`,
      );
    for (const line of lines) execFileSync('ip', line.split(' '));
    return new Namespaces(prefix);
  }

  on(host: string): readonly string[] {
    return ['nsenter', `--net=/run/netns/${host}`];
  }

  /** Every packet to and from the host is dropped, as when its cable is pulled: nobody is told. */
  async cut(host: string): Promise<void> {
    await this.#drop(host, [
      'chain input { type filter hook input priority 0; policy accept; iifname != "lo" drop; }',
      'chain output { type filter hook output priority 0; policy accept; oifname != "lo" drop; }',
    ]);
  }

  /** Packets from the host to these ports are dropped. */
  async block(host: string, blocks: readonly Block[]): Promise<void> {
    const rules = blocks.map(({ to, port }) => `ip daddr ${to} tcp dport ${port} drop;`);
    await this.#drop(host, [
      `chain output { type filter hook output priority 0; policy accept; ${rules.join(' ')} }`,
    ]);
  }

  /** Ends `cut` and `block`. */
  async heal(host: string): Promise<void> {
    await this.#run(host, ['nft', 'delete', 'table', 'inet', 'cut']);
  }

  async #drop(host: string, chains: readonly string[]): Promise<void> {
    await this.#run(host, ['nft', `table inet cut {\n${chains.join('\n')}\n}`]);
  }

  async #run(host: string, command: readonly string[]): Promise<void> {
    const [program = '', ...args] = [...this.on(host), ...command];
    await run(program, args);
  }
}
