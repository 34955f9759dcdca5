import { Build } from '../../test/support/build.ts'
import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { before, variants } from './variant.ts'

export async function measureObserve(): Promise<Result> {
  using earlier = await Build.ofCommit(before)
  using today = await Build.of()
  return await compare({
    title: 'Cost of being seen',
    server: new URL('server.ts', import.meta.url),
    variants,
    rounds: 42,
    env: { BEFORE: folderOf(earlier), TODAY: folderOf(today) },
    notes: [
      `A \`node:http\` server that answers a tiny JSON and defers a no-op. The release before is commit \`${before}\`, the last one without \`metrics()\`. Both are compiled from their sources into a folder: the same code elsewhere makes a difference of its own.`,
      'Ten open pages are told of each second and of each recorded request; their process is not counted. The spans of OpenTelemetry go to an exporter that drops them; the ratio is to a server that is traced by its SDK alone.',
    ],
  })
}

/** The folder of a build, as a URL. */
function folderOf(build: Build): string {
  return String(new URL('..', build.compiled('src/index.ts'))).replace(/\/$/, '')
}
