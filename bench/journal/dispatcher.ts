import { setTimeout as sleep } from 'node:timers/promises'
import { configure, job } from 'afterword'
import { answer } from '../program.ts'
import { type Payload, payload } from './payload.ts'

// A process with a worker on a folder that it shares with others. One of them is asked to dispatch as well.

export interface DispatchPlan {
  /** Calls in a second. */
  readonly rate: number
  /** In ms. */
  readonly duration: number
}

export interface DispatchTimes {
  /** The time of each call until it was accepted, in ms, sorted. */
  readonly times: readonly number[]
}

/** The time in ms between two groups of calls. */
const interval = 5

const SendWelcome = job('send-welcome', (_mail: Payload) => {})
configure({ journal: process.argv[2] ?? '' })

answer<DispatchPlan, DispatchTimes>(async ({ rate, duration }) => {
  const times: number[] = []
  const calls: Promise<void>[] = []
  const dispatch = async () => {
    const began = performance.now()
    await SendWelcome.dispatch(payload())
    times.push(performance.now() - began)
  }
  const start = performance.now()
  for (let now = start; now < start + duration; now = performance.now()) {
    while (calls.length < ((now - start) * rate) / 1000) calls.push(dispatch())
    await sleep(interval)
  }
  await Promise.all(calls)
  return { times: times.sort((a, b) => a - b) }
})
