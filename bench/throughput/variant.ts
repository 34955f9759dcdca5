import type { Variant } from '../load/variant.ts'

export const variants: Readonly<Record<string, Variant>> = {
  bare: { title: 'bare `node:http`', against: 'bare' },
  'bare-again': { title: 'bare `node:http`, a second server (A/A)', against: 'bare' },
  auto: { title: '`afterword/auto`, no `defer`', against: 'bare', target: 0.95 },
  'auto-defer': { title: '`afterword/auto`, one `defer`', against: 'bare', target: 0.9 },
  'attach-defer': { title: '`attach(server)`, one `defer`', against: 'bare' },
  finish: { title: "`res.on('finish', fn)`", against: 'bare' },
  express: { title: 'Express 5', against: 'express' },
  'express-defer': { title: 'Express 5, `afterword/express`, one `defer`', against: 'express' },
}
