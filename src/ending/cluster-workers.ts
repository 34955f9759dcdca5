import type { Cluster, Worker } from 'node:cluster'
import { once } from 'node:events'
import type { Ending, EndSignal } from './ending.ts'

/** Finds the module where there is one: it is not loaded on runtimes that have none. */
function cluster(): Cluster | undefined {
  // The module itself, which its types take for its default export.
  return process.getBuiltinModule?.('node:cluster') as unknown as Cluster | undefined
}

/** Takes in the workers of a cluster, in its primary process, from the first one on. */
export function watchWorkers(add: (ending: Ending) => void): void {
  const primary = cluster()
  if (!primary?.isPrimary) return
  const workers = new ClusterWorkers(primary)
  if (workers.isNeeded) add(workers)
  else primary.once('fork', () => add(workers))
}

/**
 * Calls `end` when the primary process has gone, in a worker of a cluster. Node ends such a worker at once, unless it left by itself
 * (https://nodejs.org/api/cluster.html#workerexitedafterdisconnect).
 * @param isNeeded the process has something to end
 */
export function watchPrimary(isNeeded: () => boolean, end: () => void): void {
  const worker = cluster()?.worker
  if (!worker) return
  process.prependListener('disconnect', () => {
    if (worker.exitedAfterDisconnect || !isNeeded()) return
    worker.exitedAfterDisconnect = true
    end()
  })
}

/** The workers of a cluster, as their primary process sees them. The signal is passed on to them, and each takes its time. */
class ClusterWorkers implements Ending {
  readonly serves = true
  readonly timeout = 0
  readonly #cluster: Cluster
  readonly #left = new Set<Worker>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get isNeeded(): boolean {
    return Object.keys(this.#cluster.workers ?? {}).length > 0
  }

  get waitsFor(): string | undefined {
    return this.#left.size === 0 ? undefined : `${this.#left.size} workers of the cluster`
  }

  async end(signal: EndSignal, appListens: boolean): Promise<boolean> {
    const ended = Object.values(this.#cluster.workers ?? {}).map(async (worker) => {
      if (worker === undefined) return true
      this.#left.add(worker)
      // Where the app listens, the app tells its workers. Else nobody does, and no worker is to be replaced.
      if (!appListens) {
        worker.exitedAfterDisconnect = true
        worker.process.kill(signal)
      }
      const [code, by] = await once(worker, 'exit')
      this.#left.delete(worker)
      return code === 0 || by === signal
    })
    return (await Promise.all(ended)).every(Boolean)
  }
}
