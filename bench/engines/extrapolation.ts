import { type Result, whole } from '../result.ts'
import { median } from '../statistics.ts'
import { leastSquares, predict } from './least-squares.ts'
import type { EngineScaling, Sample } from './scaling.ts'
import { titles } from './servers.ts'

/** The system that is asked for: more than can be measured here. */
const webs = 1000
const workers = 50
/** Calls a second of each web process. */
const rates = [1, 10, 50] as const

/** The published bounds of the engines. docs/scaling.md has the sources. */
const bounds = {
  bullmq: { cores: '1: commands run on one thread', connections: 10_000, setting: '`maxclients`' },
  'pg-boss': { cores: 'those of its machine', connections: 100, setting: '`max_connections`' },
} as const

/** The factors of the CPU time of an engine that has nothing to do: each web process, each worker, and itself. */
const factors = ({ webs, workers }: Pick<Sample, 'webs' | 'workers'>) => [webs, workers, 1]
/** The factors of connections: each web process and each worker. */
const links = ({ webs, workers }: Pick<Sample, 'webs' | 'workers'>) => [webs, workers]

/** Fits a model to what was measured, says how far it is off, and asks it for a thousand web processes. */
export function extrapolate({ engine, samples, floods }: EngineScaling): Result {
  const most = Math.max(...samples.map((sample) => sample.webs))
  const early = modelOf(samples.filter((sample) => sample.webs < most && sample.workers < most))
  const unseen = samples.filter((sample) => sample.webs === most && sample.asked > 0)
  const off = unseen.map((sample) => early.cpu(sample) / sample.cpu - 1)
  const model = modelOf(samples)
  const [perWeb = 0, perWorker = 0, own = 0] = model.idle
  const connected = leastSquares(
    samples.map(links),
    samples.map(({ connections }) => connections),
  )
  const [ofWeb = 0, ofWorker = 0] = connected
  const busy = samples.filter(({ asked }) => asked > 0)
  const logged = busy.reduce((sum, sample) => sum + sample.logged / sample.rate, 0) / busy.length
  const bulk = Math.min(...floods.map(({ cpu }) => cpu))
  const { cores, connections, setting } = bounds[engine]
  const percent = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(0)} %`
  return {
    title: `Scaling: ${titles[engine]}, ${whole(webs)} web processes`,
    columns: [`${whole(webs)} web processes, ${workers} workers`, ...rates.map((rate) => `${rate} calls/s each`)],
    rows: [
      ['calls/s', ...rates.map((rate) => whole(rate * webs))],
      [
        'cores of the engine, each call by itself',
        ...rates.map((rate) => (model.cpu({ rate: rate * webs, webs, workers }) / 1000).toFixed(1)),
      ],
      [
        'cores of the engine, calls in bulk',
        ...rates.map((rate) => ((model.cpu({ rate: 0, webs, workers }) + rate * webs * bulk) / 1000).toFixed(1)),
      ],
      ['cores that there are', ...rates.map(() => cores)],
      ['MB/s of its log', ...rates.map((rate) => ((rate * webs * logged) / 1e6).toFixed(1))],
      ['connections', ...rates.map(() => whole(predict(links({ webs, workers }), connected)))],
      [`${setting}, by default`, ...rates.map(() => whole(connections))],
    ],
    notes: [
      `CPU of the engine, ms/s = ${model.perCall.toFixed(3)} × calls/s + ${perWeb.toFixed(2)} × web processes + ${perWorker.toFixed(2)} × workers + ${own.toFixed(1)}: what is there without calls by least squares, and for each call the median of the rest; ${samples.length} samples. Fitted to fewer than ${most} processes, it is off by ${off.map(percent).join(' and ')} for ${most} web processes at work. Connections = ${ofWeb.toFixed(1)} × web processes + ${ofWorker.toFixed(1)} × workers. In bulk: ${(1000 * bulk).toFixed(0)} µs for each call, as at full speed.`,
    ],
    targets: [],
  }
}

interface Model {
  /** The coefficients of the factors. */
  readonly idle: readonly number[]
  /** CPU time for each call, in ms. */
  readonly perCall: number
  /** CPU time of the engine, in ms a second. */
  cpu(of: Pick<Sample, 'rate' | 'webs' | 'workers'>): number
}

/** Fits what is there without calls, then the part of each call: calls would hide the rest. */
function modelOf(samples: readonly Sample[]): Model {
  const quiet = samples.filter(({ asked }) => asked === 0)
  const idle = leastSquares(
    quiet.map(factors),
    quiet.map(({ cpu }) => cpu),
  )
  const busy = samples.filter(({ asked }) => asked > 0)
  const perCall = median(busy.map((sample) => (sample.cpu - predict(factors(sample), idle)) / sample.rate))
  return { idle, perCall, cpu: (of) => predict(factors(of), idle) + perCall * of.rate }
}
