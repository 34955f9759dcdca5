import { afterAll, beforeAll } from 'vitest'
import { NextBuild } from '../../tools/next-build.ts'
import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

const build = new NextBuild('test/contract/next-app')

beforeAll(async () => {
  build.copy('test/contract/response.ts')
  await build.run()
}, 120_000)
afterAll(() => build[Symbol.dispose]())

const limits = { lateWrites: false, httpErrors: false, addresses: false } as const
const args = [build.program, build.app]
describeAdapter({ server: 'next', args, title: 'next start', runtimes: nodeRuntimes, limits })
