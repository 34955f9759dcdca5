import { setTimeout as sleep } from 'node:timers/promises'
import { configure, job } from 'afterword'
import { answer } from '../program.ts'

// A process on a folder that it shares with another one. It holds a unique key until it is told to end the run, or tries to get one.

export type Question =
  /** Begins a run that holds a key. */
  | { readonly type: 'hold'; readonly key: number }
  /** Ends that run. */
  | { readonly type: 'end'; readonly key: number }
  /** Calls with the key of a record, again and again, until a call is added. */
  | { readonly type: 'try'; readonly key: number; readonly id: string }
  /** Dispatches other jobs from now on. */
  | { readonly type: 'load'; readonly perSecond: number }

export interface Answer {
  /** The id of the record that has the key. */
  readonly id?: string
  /** The moment in ms, by a clock that both processes have in common: the end of the run, or the begin of the call that was added. */
  readonly at?: number
}

/** The time in ms between two calls with a key, and between two groups of other calls. */
const interval = 1
const loadInterval = 5

const now = () => Number(process.hrtime.bigint()) / 1e6

const holds = new Map<number, { readonly begun: () => void; readonly ended: Promise<void>; readonly end: () => void }>()

configure({ journal: process.argv[2] ?? '' })
const Keyed = job(
  'keyed',
  async (key: number) => {
    holds.get(key)?.begun()
    await holds.get(key)?.ended
  },
  { key: String },
)
const Other = job('other', () => {})

async function hold(key: number): Promise<Answer> {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  holds.set(key, { begun: begun.resolve, ended: ended.promise, end: ended.resolve })
  const call = Keyed.defer(key)
  await begun.promise
  return { id: call.id }
}

function end(key: number): Answer {
  const at = now()
  holds.get(key)?.end()
  return { at }
}

async function tryFor(key: number, id: string): Promise<Answer> {
  for (;;) {
    const at = now()
    if ((await Keyed.dispatch(key)) !== id) return { at }
    await sleep(interval)
  }
}

async function load(perSecond: number): Promise<void> {
  const began = now()
  for (let calls = 0; ; await sleep(loadInterval)) {
    for (; calls < ((now() - began) * perSecond) / 1000; calls++) void Other.dispatch()
  }
}

answer<Question, Answer>(async (question) => {
  switch (question.type) {
    case 'hold':
      return hold(question.key)
    case 'end':
      return end(question.key)
    case 'try':
      return tryFor(question.key, question.id)
    case 'load':
      void load(question.perSecond)
      return {}
  }
})
