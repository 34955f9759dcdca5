import { readFileSync, readlinkSync } from 'node:fs'

/**
 * The identity of a process: its number and its start, in this run of the system and among the processes that see the same numbers. A
 * process whose lock was dropped is still known as alive by it. Only Linux tells enough.
 */
export const identity: string | undefined = read()

function read(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${process.pid} ${startOf(process.pid)} ${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** The identity is that of another process which lives. False where the system does not tell. */
export function isAliveElsewhere(other: string | undefined): boolean {
  if (identity === undefined || other === undefined || other === identity) return false
  const [pid, start, ...system] = other.split(' ')
  if (system.join(' ') !== identity.split(' ').slice(2).join(' ')) return false
  try {
    return startOf(Number(pid)) === start
  } catch {
    return false
  }
}

/** The moment at which a process began, in ticks since the system did: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function startOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the program in front may have spaces, and parentheses.
  const [state, ...values] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A process that has ended is listed until its parent has asked for it.
  return state === 'Z' || state === 'X' ? undefined : values[18]
}
