import { answer } from '../program.ts'
import type { Servers, Workload } from './contender.ts'
import { type Name, start } from './contenders.ts'
import { closedLoop, type Sample } from './sample.ts'

export interface Question {
  readonly inFlight: number
  /** In ms. */
  readonly duration: number
}

const [name, workload, servers = ''] = process.argv.slice(2)
const work = await start(name as Name, workload as Workload, JSON.parse(servers) as Servers)

/** `null` where this version has no such thing. */
answer<Question, Sample | null>(async ({ inFlight, duration }) => {
  if (work === undefined) return null
  if ('drain' in work) return { perSecond: await work.drain() }
  const sample = await closedLoop(() => work.call(), inFlight, duration)
  await work.clear?.()
  return sample
})
