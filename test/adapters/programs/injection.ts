import inject from 'light-my-request'
import { afterword } from '../../../src/adapters/express.ts'
import { defer } from '../../../src/index.ts'
import { give, note } from '../../support/stage.ts'
import { load } from './app.ts'

// Injects requests into an Express app.
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

await inject(app as never, { url: '/hello?secret=1' })
await inject(app as never, { method: 'POST', url: '/body', payload: 'hello' })
await inject(app as never, { url: '/nothing' })
await inject(app as never, { url: '/destroys' }).catch(() => {})
await give(0)
