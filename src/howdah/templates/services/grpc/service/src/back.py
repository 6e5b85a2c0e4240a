"""The back: answers calls of services of this project. `current.session` of howdah.kit is whoever is behind a call."""

import api_pb2 as api
import api_pb2_grpc
from howdah.kit.grpc import serve


class Api(api_pb2_grpc.ApiServicer):
    def SayHello(self, request, context):
        return api.Hello(message=f"Hello {request.name}!")

    def GetAll(self, request, context):
        return api.Items(items=self.GetStream(request, context))

    def GetStream(self, request, context):
        for number in range(1, request.length + 1):
            yield api.Item(id=number, name=f"name {number}")


def register(server):
    api_pb2_grpc.add_ApiServicer_to_server(Api(), server)


if __name__ == "__main__":
    serve(register)
