# An image of ovserve: the executable, OpenVINO's libraries for CPUs beside it, and what the C++ runtime needs. No shell, no
# package manager, nothing to write to: run it with --read-only.
#
#   docker build --tag ovserve .
#   docker run --rm --read-only --volume "$PWD/models/digits:/models/digits:ro" --publish 9000:9000 ovserve \
#     model --model_name digits --model_path /models/digits

FROM denoland/deno:debian-2.9.6 AS build
# npx gets the Deno whose runtime the executable carries, pip the wheel that carries OpenVINO.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends npm python3-pip python3-venv \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY deno.json deno.lock ./
COPY scripts scripts
RUN deno task setup
COPY LICENSE main.ts ./
COPY protos protos
COPY src src
RUN deno task image

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/dist/image/ /opt/ovserve/
COPY LICENSE /opt/ovserve/
ENV PATH=/opt/ovserve
USER 65532:65532
EXPOSE 8500 8501 9000
# Asks on the port that the container's main process was told to serve on.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["ovserve", "health"]
# The old lines work too: docker run IMAGE ie_serving model --model_path /opt/ml/model1 --model_name my_model --port 9001
# So do TensorFlow Serving's: docker run -e MODEL_NAME=half_plus_two -v …:/models/half_plus_two -p 8501:8501 IMAGE
ENTRYPOINT ["ovserve"]
