import { Module } from '@nestjs/common'
import { AfterwordModule } from 'afterword/nest'
import { SignupController } from './signup.controller'

@Module({
  imports: [AfterwordModule.forRoot()], // options of configure(), if any
  controllers: [SignupController],
})
export class AppModule {}
