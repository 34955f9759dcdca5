import { nodeVersions, Program } from '../program.ts'
import { type Result, type Target, whole } from '../result.ts'
import type { Case, Way } from './case.ts'

const count = 100_000
/** Bytes. */
const most = 400

const ways: Readonly<Record<Way, string>> = {
  'in-scope': '`defer`, all in one open scope',
  outside: '`defer` outside a request, each in a scope of its own',
  setImmediate: '`setImmediate`',
  closures: 'closures in an array',
}

export async function measureMemory(): Promise<Result> {
  const targets: Target[] = []
  const rows: string[][] = []
  for (const [way, title] of Object.entries(ways) as [Way, string][]) {
    const row = [title]
    for (const node of nodeVersions) {
      await using program = new Program(new URL('case.ts', import.meta.url), [], { node, flags: ['--expose-gc'] })
      const bytes = await program.ask<number>({ way, count } satisfies Case)
      row.push(whole(bytes))
      if (way !== 'in-scope' && way !== 'outside') continue
      targets.push({
        what: `${title}: at most ${most} bytes of heap for each pending task, Node ${node}`,
        measured: `${whole(bytes)} bytes`,
        reached: bytes <= most,
      })
    }
    rows.push(row)
  }
  return {
    title: 'Memory of a pending task',
    columns: [
      `bytes of heap for each of ${whole(count)} that wait`,
      ...nodeVersions.map((version) => `Node ${version}`),
    ],
    rows,
    notes: [],
    targets,
  }
}
