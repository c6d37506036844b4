using System.Collections.Concurrent;
using Amqp.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.RabbitMQ;
using Wolverine.RabbitMQ.Internal;

namespace Amqp.Frameworks.Tests;

/// <summary>Wolverine 6: requests, events, and what fails.</summary>
[Same]
public sealed class WolverineTests : BrokerFixture
{
    private IHost? _host;

    [TearDown]
    public async Task StopHost()
    {
        if (_host is null) return;
        await _host.StopAsync();
        _host.Dispose();
        _host = null;
    }

    [Test]
    public async Task A_request_is_answered_and_an_event_reaches_its_handler()
    {
        var host = await Start();
        var bus = host.Services.GetRequiredService<IMessageBus>();
        var sum = await bus.InvokeAsync<Sum>(new Add(2, 3), timeout: Patience.Start);
        Assert.That(sum.Value, Is.EqualTo(5));
        for (var number = 0; number < 20; number++) await bus.PublishAsync(new Happened(number));
        await Eventually.True(() => Handlers.Seen.Count == 20);
        Assert.That(Handlers.Seen, Is.EquivalentTo(Enumerable.Range(0, 20)));
    }

    [Test]
    public async Task A_message_that_fails_is_dead_lettered()
    {
        var host = await Start();
        await host.Services.GetRequiredService<IMessageBus>().PublishAsync(new Fails(7));
        await using var connection = await new RabbitMQ.Client.ConnectionFactory { HostName = $"{Broker.Address}", Port = Broker.Port }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await Eventually.True(async () => await channel.BasicGetAsync("wolverine-dead-letter-queue", autoAck: true) is not null, Patience.Start);
        Assert.That(Handlers.Failures, Is.EqualTo(3));
    }

    private async Task<IHost> Start()
    {
        Handlers.Clear();
        var (requests, events, listener, failing) = (Name("requests"), Name("events"), Name("listener"), Name("failing"));
        _host = await Host.CreateDefaultBuilder()
            .ConfigureLogging(logging => logging.ClearProviders())
            .UseWolverine(options =>
            {
                options.Discovery.DisableConventionalDiscovery().IncludeType<Handlers>();
                options.UseRabbitMq(factory => (factory.HostName, factory.Port) = ($"{Broker.Address}", Broker.Port)).AutoProvision();
                options.PublishMessage<Add>().ToRabbitQueue(requests);
                options.ListenToRabbitQueue(requests);
                options.PublishMessage<Happened>().ToRabbitExchange(events);
                options.ListenToRabbitQueue(listener, queue => queue.BindExchange(events));
                options.PublishMessage<Fails>().ToRabbitQueue(failing, queue => queue.QueueType = QueueType.quorum);
                options.ListenToRabbitQueue(failing);
                options.Policies.OnException<InvalidOperationException>().RetryTimes(2);
            })
            .StartAsync();
        return _host;
    }

    public sealed record Add(int One, int Other);

    public sealed record Sum(int Value);

    public sealed record Happened(int Number);

    public sealed record Fails(int Number);

    /// <summary>Found by Wolverine by the names and arguments of its methods.</summary>
    public sealed class Handlers
    {
        private static int _failures;

        public static ConcurrentBag<int> Seen { get; } = [];

        public static int Failures => _failures;

        public static void Clear()
        {
            Seen.Clear();
            _failures = 0;
        }

        public static Sum Handle(Add add) => new(add.One + add.Other);

        public static void Handle(Happened happened) => Seen.Add(happened.Number);

        public static void Handle(Fails fails)
        {
            Interlocked.Increment(ref _failures);
            throw new InvalidOperationException($"{fails.Number} fails on purpose");
        }
    }
}
