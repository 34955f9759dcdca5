import { answer } from '../program.ts'

/** What a server tells of itself. */
export interface Usage {
  readonly port: number
  /** CPU time of this process since it started, in µs. */
  readonly cpu: number
}

export function answerUsage(port: number): void {
  answer<unknown, Usage>(() => {
    const { user, system } = process.cpuUsage()
    return { port, cpu: user + system }
  })
}
