import { appendFileSync, readFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

// Loaded ahead of a program, in each of its threads: the date is off by as many ms as a file says, at any moment. Timers are not, as
// when the clock of a machine is set.
const file = String(process.env.CLOCK)
const realNow = Date.now
let shift = 0
const now = () => {
  try {
    shift = Number(readFileSync(file, 'utf8'))
  } catch {
    // The process may open no more files: the clock goes on as it was.
  }
  return realNow() + shift
}

globalThis.Date = new Proxy(Date, {
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
})
appendFileSync(`${file}.threads`, `${process.pid} ${threadId}\n`)
