import { fileURLToPath } from 'node:url'
import type { NextConfig } from 'next'

export default {
  basePath: '/base',
  serverExternalPackages: ['afterword'],
  cacheHandler: fileURLToPath(new URL('cache.mjs', import.meta.url)),
  // The packages are links into another folder.
  turbopack: { root: '/' },
  outputFileTracingRoot: '/',
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig
