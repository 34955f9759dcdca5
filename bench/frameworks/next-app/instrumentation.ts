export async function register(): Promise<void> {
  if (process.env.AFTERWORD !== 'yes') return
  const { register } = await import('afterword/next')
  await register()
}
