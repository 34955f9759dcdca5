import { NextBuild } from '../../tools/next-build.ts'
import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { frameworkVariants, nextVariants } from './variant.ts'

const server = new URL('server.ts', import.meta.url)
const ratios = 'The ratio of a hook is to the framework alone, that of Afterword to the hook.'

export function measureFrameworks(): Promise<Result> {
  return compare({
    title: 'Frameworks',
    server,
    variants: frameworkVariants,
    rounds: 42,
    env: { NODE_ENV: 'production' },
    notes: [
      ratios,
      'Hono answers at once as long as it has no middleware at all, and has no hook of its own: hence one in a middleware.',
    ],
  })
}

/** Next is a part of its own: a request takes so long that it needs longer slices, and many of them until the compiler is done. */
export async function measureNext(): Promise<Result> {
  using build = new NextBuild('bench/frameworks/next-app')
  await build.run()
  return await compare({
    title: 'Next',
    server,
    variants: nextVariants,
    rounds: 24,
    slice: 1000,
    env: { NODE_ENV: 'production', NEXT_APP: build.app },
    notes: [ratios],
  })
}
