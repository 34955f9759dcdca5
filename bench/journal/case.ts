import { answer } from '../program.ts'
import type { Ground, Way } from './contender.ts'
import { enter, type Name } from './contenders.ts'
import { closedLoop, type Sample } from './sample.ts'

export interface Question {
  readonly inFlight: number
  /** In ms. */
  readonly duration: number
}

const [name, way, ground = ''] = process.argv.slice(2)
const work = await enter(name as Name, way as Way, JSON.parse(ground) as Ground)

/** `null` where this version has no such thing. */
answer<Question, Sample | null>(async ({ inFlight, duration }) => {
  if (work === undefined) return null
  if ('drain' in work) return { perSecond: await work.drain() }
  const sample = await closedLoop(() => work.call(), inFlight, duration)
  await work.clear?.()
  return sample
})
