import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodes } from '../../tools/nodes.ts'
import { Program } from '../support/program.ts'

const versions = Object.keys(nodes).map(Number) as (keyof typeof nodes)[]

test.each(versions)(
  'Node %s: a stream that its client resets while bytes are held is closed, and its job runs',
  async (node) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-resets-'))
    // The server has ended by then.
    using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
    const file = new URL('programs/stream-resets.ts', import.meta.url)
    await using server = new Program(file, { node, args: [folder] })
    const { port } = await server.message<{ type: string; port: number }>('listening')
    const client = connect(`http://127.0.0.1:${port}`)
    const request = client.request({ ':method': 'POST' })
    request.once('data', () => request.destroy())
    for (let i = 0; i < 4000; i++) request.write(Buffer.alloc(6))
    await server.message('closed')
    await server.message('ran')
    expect(server.messages.map(({ type }) => type).sort()).toEqual(['closed', 'listening', 'ran'])
    client.destroy()
  },
)
