import type { NodeVersion } from '../../tools/nodes.ts'
import { nodeVersions, Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import { summary } from '../statistics.ts'
import { type Protocol, protocols, type Series, type Times, type Way } from './protocol.ts'

/** The number of requests with a task, and as many without. The usual ways are for contrast: fewer will do. */
const requests: Readonly<Record<Way, number>> = { defer: 20, 'at-once': 3, setImmediate: 3 }
const titles: Readonly<Record<Way, string>> = {
  defer: '`defer`',
  'at-once': 'called after `res.end()`',
  setImmediate: '`setImmediate` after `res.end()`',
}
/** In ms. */
const most = 25

export async function measureAnswerFirst(): Promise<Result> {
  const targets: Target[] = []
  const rows: string[][] = []
  for (const node of nodeVersions) {
    for (const protocol of protocols) {
      const row = [`Node ${node}, ${protocol}`]
      for (const way of Object.keys(titles) as Way[]) {
        const { delay, worst } = await measure(node, protocol, way)
        row.push(`${delay.toFixed(1)} (${whole(worst)})`)
        if (way !== 'defer') continue
        targets.push({
          what: `a task that burns 500 ms delays its own response by at most ${most} ms, ${protocol} on Node ${node}`,
          measured: `${delay.toFixed(1)} ms`,
          reached: delay <= most,
        })
      }
      rows.push(row)
    }
  }
  return {
    title: 'Answer first',
    columns: ['delay of the last byte, ms (worst)', ...Object.values(titles)],
    rows,
    notes: [
      `Work that keeps the thread for 500 ms, begun in three ways. Difference of the medians of ${requests.defer} requests with and ${requests.defer} without it (the two usual ways: ${requests.setImmediate}); in brackets the slowest request with it against the median without.`,
    ],
    targets,
  }
}

async function measure(node: NodeVersion, protocol: Protocol, way: Way): Promise<{ delay: number; worst: number }> {
  await using server = new Program(new URL('server.ts', import.meta.url), [protocol], { node, core: 0 })
  await using client = new Program(new URL('client.ts', import.meta.url), [], { core: 1 })
  const port = await server.ask<number>({})
  const times = await client.ask<Times>({ protocol, port, way, requests: requests[way] } satisfies Series)
  const [worked, plain] = [summary(times.with), summary(times.without)]
  return { delay: worked.median - plain.median, worst: worked.max - plain.median }
}
