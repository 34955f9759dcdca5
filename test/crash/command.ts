import { spawnSync } from 'node:child_process'

/** The name of a program of the system, and what it is given: a further command to start, as a rule. */
export type Command = readonly [program: string, ...args: string[]]

/** The command is there, and this user may run it here. */
export function works([program, ...args]: Command): boolean {
  return spawnSync(program, args).status === 0
}

export const isRoot = process.getuid?.() === 0

/** Starts a command in namespaces of its own; whoever may not do that, may in a user namespace, as a rule. */
export function unshare(...flags: string[]): Command {
  const plain: Command = ['unshare', ...flags]
  return works([...plain, 'true']) ? plain : ['unshare', '--user', '--map-root-user', ...flags]
}

/** Starts a command that may write only what it could if it were anybody, not root. */
export function asAnybody(): readonly string[] {
  const without = '-dac_override,-dac_read_search'
  return isRoot ? ['setpriv', `--bounding-set=${without}`, `--inh-caps=${without}`] : []
}
