/** The time in ms for which a server is asked at a time, and the fewest and the most times. */
const slice = 1000
const [fewest, most] = [4, 12]

/**
 * Asks a server until its requests get no cheaper. V8 compiles code anew, in threads of its own, for as long as it finds more that runs often: the
 * first 10,000 requests of a server took two to three times the CPU time of later ones, the more the more code there is.
 *
 * @param ask asks the server for so many ms
 */
export async function warmUp(ask: (duration: number) => Promise<{ readonly cpu: number }>): Promise<void> {
  let best = Number.POSITIVE_INFINITY
  for (let times = 1; times <= most; times++) {
    const { cpu } = await ask(slice)
    if (times >= fewest && cpu > 0.97 * best) return
    best = Math.min(best, cpu)
  }
}
