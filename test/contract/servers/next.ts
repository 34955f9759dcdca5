import { pathToFileURL } from 'node:url'

// `next start`, of the app that the test has built.
const [program = '', app = ''] = process.argv.slice(2)
process.argv.splice(2, Number.POSITIVE_INFINITY, 'start', app, '--port', '0', '--hostname', '127.0.0.1')
await import(pathToFileURL(program).href)
