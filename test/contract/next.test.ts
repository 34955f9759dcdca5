import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll } from 'vitest'
import { buildNext, repository } from '../../tools/next-build.ts'
import { nodeRuntimes } from '../../tools/runtimes.ts'
import { describeAdapter } from './adapter.ts'

const folder = mkdtempSync(join(tmpdir(), 'afterword-next-'))
const app = join(folder, 'test/contract/next-app')

beforeAll(async () => {
  for (const path of ['examples/next/tsconfig.json', 'test/contract/response.ts', 'test/contract/next-app']) {
    cpSync(join(repository, path), join(folder, path), { recursive: true })
  }
  await buildNext(folder, app)
  return () => rmSync(folder, { recursive: true })
}, 120_000)

const limits = { lateWrites: false, httpErrors: false } as const
describeAdapter({ server: 'next', args: [folder, app], title: 'next start', runtimes: nodeRuntimes, limits })
