import { type Result, whole } from '../result.ts'
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

/** CPU time of the engine: for each call, for each web process and each worker that is there, and of itself. */
const factors = ({ rate, webs, workers }: Pick<Sample, 'rate' | 'webs' | 'workers'>) => [rate, webs, workers, 1]
/** Connections: for each web process and each worker. */
const links = ({ webs, workers }: Pick<Sample, 'webs' | 'workers'>) => [webs, workers]

/** Fits a model to what was measured, says how far it is off, and asks it for a thousand web processes. */
export function extrapolate({ engine, samples, floods }: EngineScaling): Result {
  const most = Math.max(...samples.map((sample) => sample.webs))
  const cpuOf = (from: readonly Sample[]) =>
    leastSquares(
      from.map(factors),
      from.map(({ cpu }) => cpu),
    )
  const known = samples.filter((sample) => sample.webs < most && sample.workers < most)
  const early = cpuOf(known)
  const unseen = samples.filter((sample) => !known.includes(sample))
  const off = unseen.map((sample) => predict(factors(sample), early) / sample.cpu - 1)
  const all = cpuOf(samples)
  const [perCall = 0, perWeb = 0, perWorker = 0, own = 0] = all
  const connected = leastSquares(
    samples.map(links),
    samples.map(({ connections }) => connections),
  )
  const [ofWeb = 0, ofWorker = 0] = connected
  const busy = samples.filter(({ rate }) => rate > 1)
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
        ...rates.map((rate) => (predict(factors({ rate: rate * webs, webs, workers }), all) / 1000).toFixed(1)),
      ],
      [
        'cores of the engine, calls in bulk',
        ...rates.map((rate) =>
          ((predict(factors({ rate: 0, webs, workers }), all) + rate * webs * bulk) / 1000).toFixed(1),
        ),
      ],
      ['cores that there are', ...rates.map(() => cores)],
      ['MB/s of its log', ...rates.map((rate) => ((rate * webs * logged) / 1e6).toFixed(1))],
      ['connections', ...rates.map(() => whole(predict(links({ webs, workers }), connected)))],
      [`${setting}, by default`, ...rates.map(() => whole(connections))],
    ],
    notes: [
      `CPU of the engine, ms/s = ${perCall.toFixed(3)} × calls/s + ${perWeb.toFixed(2)} × web processes + ${perWorker.toFixed(2)} × workers + ${own.toFixed(1)}, by least squares over ${samples.length} samples. Fitted to fewer than ${most} processes, it is off by ${off.map(percent).join(', ')} for the samples with ${most}. Connections = ${ofWeb.toFixed(1)} × web processes + ${ofWorker.toFixed(1)} × workers. In bulk: ${(1000 * bulk).toFixed(0)} µs for each call, as at full speed.`,
    ],
    targets: [],
  }
}
