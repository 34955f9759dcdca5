import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { variants } from './variant.ts'

export function measureThroughput(): Promise<Result> {
  return compare({
    title: 'Throughput',
    server: new URL('server.ts', import.meta.url),
    variants,
    rounds: 60,
    notes: ['The ratio is to bare `node:http`, or to Express 5 for Express.'],
  })
}
