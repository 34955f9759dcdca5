import { register as registerAfterword } from 'afterword/next'

export async function register(): Promise<void> {
  await registerAfterword()
  console.log(`listening ${process.env.PORT}`)
}
