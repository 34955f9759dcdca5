import inject from 'light-my-request'
import { afterword } from '../../../src/adapters/express.ts'
import { defer } from '../../../src/index.ts'
import { give, note } from '../../support/stage.ts'
import { load } from './app.ts'

// Injects a request into an Express app. Argument: the URL.
const app = load('express')()
app.use(afterword())
app.get('/hello', (_req, res) => {
  defer(note, 'task')
  res.send('hello')
})
app.post('/body', (req, res) => {
  req.on('data', () => {})
  req.on('end', () => {
    defer(note, 'task')
    res.send('hello')
  })
})
app.get('/destroys', (_req, res) => {
  defer(note, 'task')
  res.destroy()
})
app.use((_req, res) => {
  defer(note, 'task')
  res.status(404).end()
})

const url = process.argv[2] ?? '/'
const request = url === '/body' ? { method: 'POST' as const, url, payload: 'hello' } : { url }
await inject(app as never, request).catch(() => {})
await give(0)
