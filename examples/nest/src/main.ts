import { NestFactory } from '@nestjs/core'
import { instance } from 'afterword'
import { AppModule } from './app.module'

async function main() {
  const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] })
  instance().onShutdown(() => app.close()) // SIGTERM: requests end, tasks run, then the hooks of your modules
  await app.listen(process.env.PORT ?? 3000)
  console.log(`http://localhost:${app.getHttpServer().address().port}`)
}
void main()
