/**
 * `plexy completion bash|zsh|fish`: a script for the shell, made from the commands and options as they are defined, so that
 * it cannot fall behind them.
 *
 * All three work alike: the words so far lead to a command (`/payments/create`), which knows what may come next.
 */
import { Argument, type Command, type Option } from 'commander';
import type { Context } from './context.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const HELP = `
For every new shell:
  bash  echo 'source <(plexy completion bash)' >> ~/.bashrc
  zsh   echo 'source <(plexy completion zsh)' >> ~/.zshrc     after compinit
  fish  mkdir -p ~/.config/fish/completions && plexy completion fish > ~/.config/fish/completions/plexy.fish`;

export function completionCommand(program: Command, context: Context): void {
  program
    .command('completion')
    .description('print what makes a shell complete the commands and options of plexy')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => context.out(SCRIPTS[shell](nodesOf(program)).trimEnd()));
}

/** What may come next, and what it is about. */
interface Word {
  readonly text: string;
  readonly about: string;
}

interface Node {
  /** '' for the program, then `/merchants`, `/merchants/create`, … */
  readonly path: string;
  readonly words: readonly Word[];
  /** Options that the next word belongs to. */
  readonly valued: readonly string[];
}

/** The program and every command below it. */
function nodesOf(command: Command, path = '', inherited: readonly Option[] = []): Node[] {
  const help = command.createHelp();
  const options = [...help.visibleOptions(command), ...inherited];
  const commands = help.visibleCommands(command);
  const node = {
    path,
    words: [
      ...commands.map((each) => ({ text: each.name(), about: each.description() })),
      ...command.registeredArguments.flatMap(choicesOf),
      ...options.flatMap(({ long, description }) => (long ? [{ text: long, about: description }] : [])),
    ],
    valued: options
      .filter(({ required }) => required)
      .flatMap(({ long, short }) => [long, short].filter((flag) => flag != null)),
  };
  // Commander's own "help" has no options, and completes as the words that follow it would.
  const below = command.commands.flatMap((each) =>
    nodesOf(each, `${path}/${each.name()}`, [...command.options, ...inherited]),
  );
  return [node, ...below];
}

function choicesOf({ argChoices = [], description }: Argument): Word[] {
  return argChoices.map((text) => ({ text, about: description }));
}

const SCRIPTS: Readonly<Record<Shell, (nodes: readonly Node[]) => string>> = {
  bash: (nodes) => `# bash completion for plexy
_plexy() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= words= valued= i
${walk(nodes, 'i = 1; i < COMP_CWORD; i++', 'COMP_WORDS')}
  case $path in
${nodes.map(({ path, words }) => `    '${path}') words='${words.map(({ text }) => text).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _plexy plexy
`,
  zsh: (nodes) => `#compdef plexy
# zsh completion for plexy
_plexy() {
  local path_= valued= i
  local -a choices
${walk(nodes, 'i = 2; i < CURRENT; i++', 'words', 'path_')}
  case $path_ in
${nodes.map(({ path, words }) => `    '${path}') choices=(${words.map(zshWord).join(' ')}) ;;`).join('\n')}
  esac
  _describe plexy choices || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _plexy "$@"; else compdef _plexy plexy; fi
`,
  fish: (nodes) => `# fish completion for plexy
function __plexy_at
    set -l path ''
    set -l valued ''
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$valued"
            set valued ''
            continue
        end
        switch "$path $word"
${nodes.flatMap(({ path, valued }) => valued.map((flag) => `            case '${path} ${flag}'\n                set valued yes`)).join('\n')}
${nodes
  .filter(({ path }) => path !== '')
  .map(
    ({ path }) => `            case '${parentOf(path)} ${nameOf(path)}'\n                set path '${path}'`,
  )
  .join('\n')}
        end
    end
    test -z "$valued" -a "$path" = "$argv[1]"
end
${nodes.flatMap(({ path, words }) => words.map((word) => fishLine(path, word))).join('\n')}
`,
};

/** In bash and zsh: follows the words of the line to a command, past options and their values. */
function walk(nodes: readonly Node[], loop: string, line: string, variable = 'path'): string {
  const values = nodes.flatMap(({ path, valued }) => valued.map((flag) => `'${path} ${flag}'`));
  const commands = nodes.filter(({ path }) => path !== '');
  return `  for ((${loop})); do
    if [[ -n $valued ]]; then valued=; continue; fi
    case "$${variable} \${${line}[i]}" in
      ${values.join(' | ')}) valued=yes ;;
${commands.map(({ path }) => `      '${parentOf(path)} ${nameOf(path)}') ${variable}='${path}' ;;`).join('\n')}
    esac
  done
  if [[ -n $valued ]]; then ${variable}=-; fi`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function zshWord({ text, about }: Word): string {
  return quoted(`${text.replaceAll(':', '\\:')}:${about}`, `'\\''`);
}

function fishLine(path: string, { text, about }: Word): string {
  const what = text.startsWith('--') ? `-l ${text.slice(2)}` : `-f -a ${text}`;
  return `complete -c plexy -n "__plexy_at '${path}'" ${what} -d ${quoted(about.replaceAll('\\', '\\\\'), `\\'`)}`;
}

/** @param quote what stands for a quote within quotes */
function quoted(text: string, quote: string): string {
  return `'${text.replaceAll('\n', ' ').replaceAll("'", quote)}'`;
}
