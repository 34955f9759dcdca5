import { parseArgs } from 'node:util'
import { outage } from './outage.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: '1000000' }, seconds: { type: 'string', default: '60' } },
})
const [engine = ''] = positionals
if (engine !== 'pg-boss' && engine !== 'bullmq') {
  console.error('npm run outage -- pg-boss|bullmq [--calls 1000000] [--seconds 60]')
  process.exit(2)
}
const { lost, twice } = await outage({
  engine,
  calls: Number(values.calls),
  seconds: Number(values.seconds),
  tell: console.log,
})
console.log(`${lost} lost, ${twice} ran twice`)
process.exitCode = lost > 0 ? 1 : 0
