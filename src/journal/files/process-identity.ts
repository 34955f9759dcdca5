import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/**
 * The identity of a process as the owner of a lock: its number, and a digest of its start in this run of the system, of the processes that
 * see the same numbers, and of the file. A process whose lock was dropped is still known as alive by it, and a copy of the file is not its
 * lock. Only Linux tells enough: `undefined` elsewhere, and for a process that has ended.
 */
export function identityOf(pid: number, lock: string): string | undefined {
  try {
    const start = startOf(pid)
    if (start === undefined) return undefined
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')
    const { dev, ino } = statSync(lock)
    const text = [pid, start, boot, readlinkSync('/proc/self/ns/pid'), dev, ino].join()
    return `${pid} ${crc32(text).toString(16)}`
  } catch {
    return undefined
  }
}

/** The identity is that of another process which lives. False where the system does not tell. */
export function isAliveElsewhere(identity: string | undefined, lock: string): boolean {
  const pid = Number(identity?.split(' ')[0])
  return pid !== process.pid && identity !== undefined && identityOf(pid, lock) === identity
}

/** The moment at which a process began, in ticks since the system did: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function startOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the program in front may have spaces, and parentheses.
  const [state, ...values] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A process that has ended is listed until its parent has asked for it.
  return state === 'Z' || state === 'X' ? undefined : values[18]
}
