import { writeSync } from 'node:fs'
import '../../../src/adapters/auto.ts'
import { configure, defer, instance } from '../../../src/index.ts'
import { knock, visit } from './visit.ts'

// Servers of libraries that end themselves at a signal and raise it again. The argument is the library.
const print = (line: string) => writeSync(1, `${line}\n`)
configure({ shutdownTimeout: 600_000, slowTask: Infinity })
instance().onShutdown(() => knock('onShutdown'))
process.on('exit', (code) => print(`exit ${code}`))

function mail(): Promise<void> {
  return visit('held mail')
}

if (process.argv[2] === 'apollo') {
  const { ApolloServer } = await import('@apollo/server')
  const { startStandaloneServer } = await import('@apollo/server/standalone')
  const hello = () => {
    defer.with({ timeout: 120_000 })(mail)
    return 'hi'
  }
  const plugin = { serverWillStart: async () => ({ serverWillStop: () => knock('stopped') }) }
  const server = new ApolloServer({
    typeDefs: 'type Query { hello: String }',
    resolvers: { Query: { hello } },
    plugins: [plugin],
    csrfPrevention: false,
  })
  const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
  print(`listening ${new URL(url).port}`)
} else {
  const { createServer } = await import('node:http')
  const { createTerminus } = await import('@godaddy/terminus')
  const server = createServer((_req, res) => {
    defer.with({ timeout: 120_000 })(mail)
    res.setHeader('connection', 'close').end('ok')
  })
  createTerminus(server, { signals: ['SIGTERM', 'SIGINT'], onSignal: () => knock('stopped'), useExit0: false })
  server.listen(0, '127.0.0.1', () => print(`listening ${(server.address() as { port: number }).port}`))
}
