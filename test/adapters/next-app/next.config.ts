import type { NextConfig } from 'next'

export default {
  output: 'standalone',
  // The packages are links into another folder.
  turbopack: { root: '/' },
  outputFileTracingRoot: '/',
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig
