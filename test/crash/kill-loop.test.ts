import { describe, expect, test } from 'vitest'
import { Host } from './host.ts'
import { killLoop } from './kill-loop.ts'

/** `KILLS=2000 npx vitest run test/crash` for more. */
const all = Number(process.env.KILLS ?? 100)

describe.each([
  { processes: 1, sync: 'normal', share: 0.25 },
  { processes: 1, sync: 'full', share: 0.25 },
  { processes: 4, sync: 'normal', share: 0.5 },
  { processes: 4, sync: 'full', share: 0.5 },
] as const)('kill -9 under load, processes: $processes, sync: $sync', ({ processes, sync, share }) => {
  const kills = Math.ceil(all * share)
  const timeout = 60_000 + 5000 * kills
  test(
    `${kills} times: every answered request's job runs, none while its runner lives`,
    async () => {
      await using host = new Host()
      const score = await killLoop(host, { processes, kills, sync })
      const { answered, refused, reports, lost, again, apart, robbed } = score
      console.log(
        `${processes} × ${sync}: ${kills} kills, ${answered} answered, ${lost.length} lost, ${again} run again, ` +
          `${apart.length} set apart, ${refused} refused, reports: ${[...reports].join(' ') || 'none'}`,
      )
      expect({ lost, robbed }).toEqual({ lost: [], robbed: [] })
      // Again runs what was running at a kill, and what had ended a moment before: not all that ever ran.
      expect(again).toBeLessThan(answered)
    },
    timeout,
  )
})
