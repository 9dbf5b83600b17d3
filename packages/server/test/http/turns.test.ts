/** Who is served when: the parts, without a server. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { FairQueue } from '../../src/engine/fairQueue.ts';
import type { ApiError } from '../../src/http/errors.ts';
import { RequestCounts } from '../../src/http/requestCounts.ts';
import { Turns } from '../../src/http/turns.ts';
import { LockOuts } from '../../src/identity/lockOuts.ts';
import { weaknessOf } from '../../src/identity/passwordStrength.ts';
import { Passwords } from '../../src/identity/passwords.ts';
import { Strangers } from '../../src/identity/strangers.ts';

function reasonOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    return (error as ApiError).reason;
  }
}

describe('a queue that is fair', () => {
  interface Item {
    readonly owner: string;
    readonly n: number;
  }
  const queueOf = (...owners: string[]): FairQueue<Item> => {
    const queue = new FairQueue<Item>(({ owner }) => owner);
    owners.forEach((owner, n) => {
      queue.push({ owner, n });
    });
    return queue;
  };
  const namesOf = (items: readonly Item[]): string => items.map(({ owner, n }) => `${owner}${n}`).join(' ');

  test('serves owners in turn, and each in its own order', () => {
    const queue = queueOf(...'aaaaabac');
    assert.equal(queue.sizeOf('a'), 6);
    assert.equal(namesOf(queue.take(5)), 'a0 b5 c7 a1 a2');
    assert.equal(namesOf(queue.take(9)), 'a3 a4 a6');
    assert.deepEqual([queue.size, queue.peek(), queue.take(1)], [0, undefined, []]);
  });

  test('whoever comes with one thing waits for one of each, not for thousands', () => {
    const queue = queueOf(...'a'.repeat(5_000));
    queue.push({ owner: 'b', n: 0 });
    assert.equal(queue.take(64).filter(({ owner }) => owner === 'b').length, 1);
  });

  test('what is left out is nobody’s turn any more', () => {
    const queue = queueOf(...'ab');
    queue.keep(({ owner }) => owner !== 'a');
    assert.equal(queue.peek()?.owner, 'b');
    for (const n of [2, 3]) queue.push({ owner: 'a', n });
    assert.equal(namesOf(queue.take(2)), 'b1 a2');
  });

  test('forgets owners that have nothing waiting, and no others', () => {
    const queue = queueOf(...Array<string>(11_000).fill('first'));
    for (let n = 0; n < 10_100; n += 1) {
      queue.push({ owner: `other ${n}`, n });
      assert.equal(namesOf(queue.take(2)), `first${n} other ${n}${n}`);
    }
    assert.deepEqual([queue.size, queue.sizeOf('first')], [900, 900]);
  });

  test('loses and doubles nothing, whatever is put in, taken and left out', () => {
    const step = fc.oneof(
      fc.record({ put: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ take: fc.nat(8) }),
      fc.record({ drop: fc.nat(6) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = queueOf();
        let expected: Item[] = [];
        steps.forEach((next, n) => {
          if ('put' in next) {
            const item = { owner: next.put, n };
            queue.push(item);
            expected.push(item);
          } else if ('take' in next) {
            const taken = queue.take(next.take);
            assert.equal(taken.length, Math.min(next.take, expected.length));
            for (const owner of 'abcd') {
              const own = taken.filter((item) => item.owner === owner);
              assert.deepEqual(own, expected.filter((item) => item.owner === owner).slice(0, own.length));
            }
            expected = expected.filter((item) => !taken.includes(item));
          } else {
            const keeps = ({ n: number }: Item): boolean => number % 7 !== next.drop;
            assert.equal(
              queue.some((item) => !keeps(item)),
              expected.some((item) => !keeps(item)),
            );
            queue.keep(keeps);
            expected = expected.filter(keeps);
          }
          assert.equal(queue.size, expected.length);
          assert.equal(queue.sizeOf('a'), expected.filter(({ owner }) => owner === 'a').length);
        });
      }),
    );
  });

  test('lets go of what was taken, and stays cheap', () => {
    const queue = queueOf(...'ab'.repeat(20_000));
    const startedAt = performance.now();
    let taken = 0;
    while (queue.size > 0) taken += queue.take(64).length;
    assert.equal(taken, 40_000);
    assert.ok(performance.now() - startedAt < 2_000);
  });
});

describe('turns', () => {
  const LIMITS = { total: 4, perOwner: 2, maxWaiting: 3 };

  /** Work that goes on until it is ended. */
  function works(turns: Turns) {
    const running: string[] = [];
    const ends = new Map<string, () => void>();
    const begin = (owner: string, name: string): Promise<void> =>
      turns.run(owner, async () => {
        running.push(name);
        await new Promise<void>((resolve) => ends.set(name, resolve));
        running.splice(running.indexOf(name), 1);
      });
    const end = async (name: string): Promise<void> => {
      ends.get(name)?.();
      await setImmediate();
    };
    return { running, begin, end };
  }

  test('one owner has its share at once, and the others have theirs', async () => {
    const { running, begin, end } = works(new Turns(LIMITS));
    const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2'].map((name) => begin(name.charAt(0), name));
    await setImmediate();
    assert.deepEqual(running, ['a1', 'a2', 'b1', 'c1']);
    await end('a1');
    assert.deepEqual(running, ['a2', 'b1', 'c1', 'a3'], 'a waits longest');
    await end('b1');
    assert.deepEqual(running, ['a2', 'c1', 'a3', 'c2'], 'then it is the turn of c, not of a4');
    for (const name of ['a2', 'c1', 'a3', 'c2', 'a4']) await end(name);
    await Promise.all(all);
    assert.deepEqual(running, []);
  });

  test('too many that wait are refused at once, those of others are not', async () => {
    const { begin, end } = works(new Turns(LIMITS));
    const all = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => begin('a', name));
    await assert.rejects(begin('a', 'a6'), { reason: 'rate_limited' });
    all.push(begin('b', 'b1'));
    await setImmediate();
    for (const name of ['b1', 'a1', 'a2', 'a3', 'a4', 'a5']) await end(name);
    await Promise.all(all);
  });

  test('work that fails gives its turn to the next', async () => {
    const turns = new Turns({ total: 1, perOwner: 1, maxWaiting: 3 });
    const failing = turns.run('a', () => Promise.reject(new Error('no')));
    const next = turns.run('a', async () => 'done');
    await assert.rejects(failing, /no/);
    assert.equal(await next, 'done');
  });

  test('nobody waits for ever: 429 behind one’s own, 503 behind those of others', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { begin, end } = works(new Turns({ total: 2, perOwner: 1, maxWaiting: 3 }));
    const all = [begin('a', 'a1'), begin('b', 'b1')];
    const own = begin('a', 'a2');
    const others = begin('c', 'c1');
    t.mock.timers.tick(5_000);
    await assert.rejects(own, { reason: 'rate_limited' });
    await assert.rejects(others, { reason: 'service_unavailable' });
    for (const name of ['a1', 'b1']) await end(name);
    await Promise.all(all);
    assert.equal(await new Turns(LIMITS).run('a', async () => 1), 1);
  });
});

describe('strangers', () => {
  test('have so many questions at once, and then so many a second, by network', (t) => {
    let now = 1_000;
    t.mock.method(performance, 'now', () => now);
    const strangers = new Strangers({ burst: 3, perSecond: 2, atOnce: 1, maxWaiting: 1 });
    const admit = (network: string): string => reasonOf(() => strangers.admit(network));
    assert.deepEqual(['x', 'x', 'x', 'x'].map(admit), ['none', 'none', 'none', 'rate_limited']);
    assert.equal(admit('y'), 'none');
    now += 499;
    assert.equal(admit('x'), 'rate_limited');
    now += 1;
    assert.deepEqual([admit('x'), admit('x')], ['none', 'rate_limited']);
    now += 3_600_000;
    assert.deepEqual(['x', 'x', 'x', 'x'].map(admit), ['none', 'none', 'none', 'rate_limited']);
  });

  test('of many networks have a few turns together, and are refused at once beyond', async () => {
    const strangers = new Strangers({ burst: 100, perSecond: 1, atOnce: 2, maxWaiting: 1 });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let running = 0;
    let most = 0;
    const question = async (): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await gate;
      running -= 1;
      return 1;
    };
    const asked = ['a', 'b', 'c'].map((network) => strangers.ask(network, question));
    await assert.rejects(strangers.ask('d', question), { reason: 'rate_limited' });
    open();
    assert.deepEqual(await Promise.all(asked), [1, 1, 1]);
    assert.equal(most, 2);
    assert.equal(await strangers.ask('d', question), 1);
  });
});

describe('a lock-out that was heard of', () => {
  const subjects = [{ kind: 'account', subject: 'account x' } as const];

  test('is believed for a second, and then asked for again', (t) => {
    let now = 1_000;
    t.mock.method(performance, 'now', () => now);
    const lockOuts = new LockOuts();
    const look = (): string => reasonOf(() => lockOuts.requireNone(subjects));
    assert.equal(look(), 'none');
    assert.equal(
      reasonOf(() => lockOuts.hear([{ subject: 'account x', ms: 60_000 }])),
      'too_many_sign_ins',
    );
    assert.equal(look(), 'too_many_sign_ins');
    now += 999;
    assert.equal(look(), 'too_many_sign_ins');
    now += 1;
    assert.equal(look(), 'none');
    assert.equal(
      reasonOf(() => lockOuts.hear([])),
      'none',
    );
  });

  test('is over when an attempt succeeded', () => {
    const lockOuts = new LockOuts();
    assert.throws(() => lockOuts.hear([{ subject: 'account x', ms: 60_000 }]));
    lockOuts.forget(subjects);
    lockOuts.requireNone(subjects);
  });
});

describe('passwords', () => {
  const passwords = new Passwords({ logN: 4, r: 8, p: 1 });
  const stranger = { known: false, network: '192.0.2.1' };

  test('strangers of one network leave places to other networks, and all of them to those who are known', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const take = (known: boolean, network: string) => passwords.inPlace({ known, network }, () => gate);
    const taken = Array.from({ length: 8 }, () => take(false, 'x'));
    await assert.rejects(take(false, 'x'), { reason: 'too_many_sign_ins' });
    taken.push(...Array.from({ length: 8 }, () => take(false, 'y')), take(false, 'z'));
    await assert.rejects(take(false, 'z'), { reason: 'too_many_sign_ins' });
    taken.push(...Array.from({ length: 17 }, () => take(true, 'x')));
    await assert.rejects(take(true, 'q'), { reason: 'too_many_sign_ins' });
    open();
    await Promise.all(taken);
    assert.equal(await passwords.inPlace(stranger, async () => 'free again'), 'free again');
  });

  test('those who are known come first', async () => {
    const slow = new Passwords({ logN: 12, r: 8, p: 1 });
    const order: string[] = [];
    const verify = (name: string, known: boolean) => slow.verify('x', [], known).then(() => order.push(name));
    await Promise.all([verify('s1', false), verify('s2', false), verify('s3', false), verify('k', true)]);
    assert.deepEqual(order, ['s1', 'k', 's2', 's3']);
  });

  test('of accounts that share a salt are told apart by one computation', async () => {
    const first = await passwords.hash('first');
    const second = await passwords.hash('second', first);
    const alone = await passwords.hash('first');
    assert.equal(first.split('$')[4], second.split('$')[4]);
    assert.notEqual(first.split('$')[4], alone.split('$')[4]);
    assert.deepEqual(await passwords.verify('first', [first, second], false), [true, false]);
    assert.deepEqual(await passwords.verify('second', [first, second, alone], false), [false, true, false]);
    assert.deepEqual(await passwords.verify('first', [first, second, alone], false), [true, false, true]);
    assert.deepEqual(await passwords.verify('first', [], false), []);
  });
});

describe('a new password', () => {
  const user = { email: 'aigerim@shop.example', name: 'Aigerim Bekova' };
  for (const [password, why] of [
    ['password1234', 'common'],
    ['123456789012', 'a sequence'],
    ['abcdefghijkl', 'a sequence'],
    ['qwertyuiop12', 'keys beside each other'],
    ['abcabcabcabc', 'repeated'],
    ['aigerim@shop.example', 'the e-mail address'],
    ['bekovaaigerim', 'the name'],
    ['P@ssw0rd1234', 'common, in disguise'],
    ['plexypay1234', 'where it is for'],
    ['йцукенгшщзхъ', 'keys beside each other, in Russian'],
    ['пароль123456', 'common, in Russian'],
  ] as const) {
    test(`is refused when it is easy to guess: ${why}`, async () => {
      assert.match((await weaknessOf(password, user)) ?? 'fine', /^is too easy to guess/);
    });
  }

  test('is fine when it is long and nobody’s', async () => {
    for (const password of ['correct horse battery staple', 'Zx9!kQ2#vL7p', 'бір екі үш төрт бес алты'])
      assert.equal(await weaknessOf(password, user), null, password);
  });
});

describe('the requests of a second', () => {
  const numbers = (counts: RequestCounts, keys: readonly string[]): number[] => {
    const told: { readonly current: number }[] = [];
    for (const key of keys) counts.incr(key, (_error, result) => result !== undefined && told.push(result));
    return told.map(({ current }) => current);
  };

  test('have a number of their own each, also when they come together', () => {
    const counts = new RequestCounts();
    assert.deepEqual(numbers(counts, ['a', 'a', 'b', 'a']), [1, 2, 1, 3]);
  });

  test('of the merchant who came first are forgotten first when there are too many', () => {
    const counts = new RequestCounts();
    numbers(counts, ['first', 'second']);
    numbers(
      counts,
      Array.from({ length: 9_999 }, (_, i) => `merchant ${i}`),
    );
    assert.deepEqual(numbers(counts, ['second', 'first']), [2, 1]);
  });
});

describe('turns in the long run', () => {
  test('go on behind somebody who has given up', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const turns = new Turns({ total: 1, perOwner: 1, maxWaiting: 9 });
    const first = Promise.withResolvers<void>();
    const running = turns.run('a', () => first.promise);
    const late = turns.run('b', async () => 'b').catch(({ reason }: ApiError) => reason);
    t.mock.timers.tick(4_000);
    const waiting = turns.run('c', async () => 'c');
    t.mock.timers.tick(1_000);
    assert.equal(await late, 'service_unavailable');
    first.resolve();
    await running;
    assert.equal(await waiting, 'c');
  });

  test('of an owner who has some are not forgotten, however many others come', async () => {
    const turns = new Turns({ total: 2, perOwner: 1, maxWaiting: 9 });
    const first = Promise.withResolvers<void>();
    const order: string[] = [];
    const running = turns.run('a', () => first.promise.then(() => void order.push('first')));
    for (let n = 0; n < 10_100; n += 1) await turns.run(`other ${n}`, async () => n);
    const second = turns.run('a', async () => void order.push('second'));
    await setImmediate();
    first.resolve();
    await Promise.all([running, second]);
    assert.deepEqual(order, ['first', 'second']);
  });
});
