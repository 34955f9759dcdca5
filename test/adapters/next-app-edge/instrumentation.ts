export { register } from 'afterword/next'

if (process.env.NEXT_RUNTIME === 'nodejs') {
  const { listen } = await import('../next-app/listen.ts')
  listen()
}
