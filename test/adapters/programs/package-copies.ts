import type * as NodeHttp from '../../../src/adapters/node-http.ts'
import type * as Afterword from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, onePerScope, serve, testify, witness } from '../../support/stage.ts'

// Arguments: the protocol, where the copy is, and what opens scopes.
const [protocol, copy, ...entries] = process.argv.slice(2)
const other: typeof Afterword = await import(`${copy}index.ts`)
if (entries.includes('auto')) await import('../../../src/adapters/auto.ts')
if (entries.includes('auto of the copy')) await import(`${copy}adapters/auto.ts`)

const server = createServer(protocol, (req, res) => {
  const mark = markOf(req)
  req.on('data', () => {})
  req.on('end', () => {
    witness(req)
    onePerScope('original')
    other.defer(() => testify('task of the copy', mark))
    other.defer.with({ name: 'one per scope' })(note, 'copy')
    res.end('hello')
  })
})
if (entries.includes('attach of the copy')) {
  const { attach }: typeof NodeHttp = await import(`${copy}adapters/node-http.ts`)
  attach(server)
}
serve(server)
