import type { Variant } from '../load/variant.ts'

const frameworks = {
  express: ['Express 5', "`res.on('finish')`"],
  koa: ['Koa 3', "`ctx.res.on('finish')`"],
  fastify: ['Fastify 5', '`onResponse`'],
  hono: ['Hono 4 on node-server', "middleware with `outgoing.on('finish')`"],
  h3: ['h3 2', '`onResponse`'],
} as const

/** Each framework alone, with its own way to do something after the response, and with a `defer`. */
export const frameworkVariants: Readonly<Record<string, Variant>> = Object.fromEntries(
  Object.entries(frameworks).flatMap(([name, [title, hook]]) => [
    [name, { title, against: name }],
    [`${name}-hook`, { title: `${title}, ${hook}`, against: name }],
    [
      `${name}-defer`,
      { title: `${title}, \`afterword/${name}\`, one \`defer\``, against: `${name}-hook`, target: 0.95 },
    ],
  ]),
)

export const nextVariants: Readonly<Record<string, Variant>> = {
  next: { title: 'Next 16, a route handler', against: 'next', path: '/plain' },
  'next-after': { title: 'Next 16, `after`', against: 'next', path: '/after' },
  'next-caught': {
    title: 'Next 16, `after` through `afterword/next`',
    against: 'next-after',
    target: 0.97,
    path: '/after',
  },
  'next-defer': { title: 'Next 16, `afterword/next`, one `defer`', against: 'next-after', path: '/defer' },
}
