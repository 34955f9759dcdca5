import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildNext, repository } from '../../tools/next-build.ts'
import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { variants } from './variant.ts'

const nextApp = 'bench/frameworks/next-app'

export async function measureFrameworks(): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-bench-'))
  try {
    for (const path of ['examples/next/tsconfig.json', nextApp]) {
      cpSync(join(repository, path), join(folder, path), { recursive: true })
    }
    await buildNext(folder, join(folder, nextApp))
    return await compare({
      title: 'Frameworks',
      server: new URL('server.ts', import.meta.url),
      variants,
      rounds: 40,
      env: { NEXT_APP: join(folder, nextApp), NODE_ENV: 'production' },
      notes: [
        'The ratio of a hook is to the framework alone, that of Afterword to the hook.',
        'Hono answers at once as long as it has no middleware at all, and has no hook of its own: hence one in a middleware.',
      ],
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
