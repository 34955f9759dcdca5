import { Afterword, type ScopeResponse, type SentResponse } from 'afterword'
import { answer } from '../program.ts'

export type Way = 'in-scope' | 'outside' | 'setImmediate' | 'closures'

export interface Case {
  readonly way: Way
  readonly count: number
}

/** A response that is not sent while the tasks are counted. */
class OpenResponse implements ScopeResponse {
  whenSent(): void {}

  describe(): SentResponse {
    return { method: 'GET', path: '/', status: 200, delivered: false, aborted: false }
  }

  end(): void {}
}

const afterword = new Afterword({ maxBacklog: Infinity })
const response = new OpenResponse()
const closures: (() => void)[] = []
const task = (_value: number) => {}

/** The ways to do the same work: a call of a function with one number. */
const ways: Record<Way, (count: number) => void> = {
  'in-scope': (count) => afterword.scope(response, () => ways.outside(count)),
  outside(count) {
    for (let i = 0; i < count; i++) afterword.defer(task, i)
  },
  setImmediate(count) {
    for (let i = 0; i < count; i++) setImmediate(task, i)
  },
  closures(count) {
    for (let i = 0; i < count; i++) closures.push(() => task(i))
  },
}

function heap(): number {
  // Twice: what a first collection finds unreachable by a finalizer goes in the second.
  gc?.()
  gc?.()
  return process.memoryUsage().heapUsed
}

/** Once in each process. The tasks are still waiting when the heap is read: nothing runs before this call returns. */
answer<Case, number>(({ way, count }) => {
  ways[way](1)
  const before = heap()
  ways[way](count)
  return (heap() - before) / count
})
