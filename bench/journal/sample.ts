export interface Sample {
  readonly perSecond: number
  /** CPU time of the calling thread for each call, in µs; where Node can tell. */
  readonly cpu?: number
}

/** The time in ms for which a sample waits for stragglers. */
const patience = 1000

/** Calls again and again, so that always so many are in flight, for `duration` ms. */
export async function closedLoop(call: () => Promise<unknown>, inFlight: number, duration: number): Promise<Sample> {
  let calls = 0
  let sample: Sample | undefined
  const before = cpuTime()
  const start = performance.now()
  const end = start + duration
  const stop = () => {
    const elapsed = performance.now() - start
    const cpu = cpuTime() - before
    sample ??= { perSecond: (1000 * calls) / elapsed, ...(cpu >= 0 && { cpu: cpu / calls }) }
    return sample
  }
  const repeat = async () => {
    // The clock, and not only a timer: what never waits lets none fire.
    while (sample === undefined) {
      await call()
      calls++
      if (performance.now() >= end) stop()
    }
  }
  const over = new Promise((resolve) => setTimeout(resolve, duration)).then(stop)
  const all = Promise.all(Array.from({ length: inFlight }, repeat))
  const result = await over
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, patience))])
  return result
}

/** The CPU time of this thread, in µs; `NaN` where Node does not tell. */
function cpuTime(): number {
  if (typeof process.threadCpuUsage !== 'function') return Number.NaN
  const { user, system } = process.threadCpuUsage()
  return user + system
}
