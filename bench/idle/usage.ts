import { readdirSync, readFileSync } from 'node:fs'

/** The numbers of a process that the kernel counts, of all its threads, since these began. */
export interface Usage {
  /** CPU time in ms. */
  readonly cpu: number
  /** The number of times that a thread went to sleep, and was woken. */
  readonly wakeUps: number
}

/** Reads them. https://www.kernel.org/doc/html/latest/filesystems/proc.html */
export function usageOf(pid: number): Usage {
  let cpu = 0
  let wakeUps = 0
  const threads = `/proc/${pid}/task`
  for (const thread of readdirSync(threads)) {
    // Nanoseconds, where `stat` counts ticks of 10 ms.
    cpu += Number(readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6
    const status = readFileSync(`${threads}/${thread}/status`, 'utf8')
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1])
  }
  return { cpu, wakeUps }
}
