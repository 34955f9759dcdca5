import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildNext, repository } from '../../tools/next-build.ts'
import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { variants } from './variant.ts'

export async function measureFrameworks(): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-bench-'))
  try {
    const app = join(folder, 'app')
    cpSync(join(repository, 'bench/frameworks/next-app'), app, { recursive: true })
    await buildNext(folder, app)
    return await compare({
      title: 'Frameworks',
      server: new URL('server.ts', import.meta.url),
      variants,
      rounds: 40,
      env: { NEXT_APP: app, NODE_ENV: 'production' },
      notes: ['The ratio of a hook is to the framework alone, that of Afterword to the hook.'],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
