import { describe, expect, test } from 'vitest'
import { type NodeVersion, nodes } from '../../tools/nodes.ts'
import { type Message, Program } from '../support/program.ts'

const versions = Object.keys(nodes).map(Number) as NodeVersion[]

/** Requests some paths, with the middleware registered there. @returns the reports */
async function reports(node: NodeVersion, place: 'ahead' | 'behind' | 'nowhere', ...paths: string[]) {
  const url = new URL('programs/missing-adapter.ts', import.meta.url)
  await using program = new Program(url, { node, args: [place, ...paths] })
  return (await program.message<Message & { reports: string[] }>('reports')).reports
}

const noScope = (what: string, path: string) =>
  expect.stringMatching(
    new RegExp(`^${what} was called in a request \\(GET /${path}\\), but no adapter .* ahead of the routes`),
  )

describe.concurrent.each(versions)('a wrong set-up gives one warning that names the fix, on Node %i', (node) => {
  test('defer() without any adapter', async () => {
    expect(await reports(node, 'nowhere', 'defers', 'defers', 'job')).toEqual([noScope('defer', 'defers')])
    expect(await reports(node, 'nowhere', 'job')).toEqual([noScope('send-welcome', 'job')])
  })

  test('defer() in a route ahead of the adapter', async () => {
    expect(await reports(node, 'behind', 'defers', 'defers')).toEqual([noScope('defer', 'defers')])
    // Once a scope has been opened all seems well, until a task comes from nowhere.
    expect(await reports(node, 'behind', 'scoped', 'defers', 'defers', 'job')).toEqual([noScope('defer', 'defers')])
  })

  test('a right set-up gives no warning, nor does defer.with({ now: true })', async () => {
    expect(await reports(node, 'ahead', 'outside', 'defers', 'outside', 'job', 'outside', 'now')).toEqual([])
    expect(await reports(node, 'nowhere', 'now', 'outside', 'now', 'outside')).toEqual([])
  })
})
