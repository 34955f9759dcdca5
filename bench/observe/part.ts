import { Build } from '../../test/support/build.ts'
import { compare } from '../load/comparison.ts'
import type { Result } from '../result.ts'
import { before, variants } from './variant.ts'

export async function measureObserve(): Promise<Result> {
  using build = await Build.ofCommit(before)
  return await compare({
    title: 'Cost of being seen',
    server: new URL('server.ts', import.meta.url),
    variants,
    rounds: 42,
    env: { EARLIER: String(new URL('.', build.compiled('src/index.ts'))).replace(/\/src\/$/, '') },
    notes: [
      `A \`node:http\` server that answers a tiny JSON and defers a no-op. The release before is commit \`${before}\`, the last one without \`metrics()\`.`,
      'Ten open pages are told of each second and of each recorded request; their process is not counted. The spans of OpenTelemetry go to an exporter that drops them; the ratio is to a server that is traced by its SDK alone.',
    ],
  })
}
