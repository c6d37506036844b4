using System.Collections.Concurrent;
using System.Globalization;
using Amqp.Testing;
using MassTransit;

namespace Amqp.Frameworks.Tests;

/// <summary>MassTransit 8: a program of it that uses what most do.</summary>
[Same]
public sealed class MassTransitTests : BrokerFixture
{
    private IBusControl? _bus;

    [TearDown]
    public async Task StopBus()
    {
        if (_bus is not null) await _bus.StopAsync(Patience.Stop);
        _bus = null;
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_request_is_answered(bool isQuorum)
    {
        var bus = await Start((configure, _) => configure.ReceiveEndpoint(Name("requests"), endpoint =>
        {
            if (isQuorum) endpoint.SetQuorumQueue();
            endpoint.Handler<Question>(context => context.RespondAsync(new Answer(context.Message.Number * 2)));
        }));
        var client = bus.CreateRequestClient<Question>(Patience.Answer);
        var answers = await Task.WhenAll(Enumerable.Range(1, 20).Select(number => client.GetResponse<Answer>(new Question(number))));
        Assert.That(answers.Select(answer => answer.Message.Number), Is.EqualTo(Enumerable.Range(1, 20).Select(number => number * 2)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_message_that_fails_again_and_again_is_in_the_error_queue(bool isQuorum)
    {
        var (queue, tries, failed) = (Name("failing"), 0, new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
        var bus = await Start((configure, _) =>
        {
            configure.ReceiveEndpoint(queue, endpoint =>
            {
                if (isQuorum) endpoint.SetQuorumQueue();
                endpoint.UseMessageRetry(retry => retry.Immediate(2));
                endpoint.Handler<Job>(_ =>
                {
                    Interlocked.Increment(ref tries);
                    throw new InvalidOperationException("on purpose");
                });
            });
            configure.ReceiveEndpoint($"{queue}_error", endpoint =>
            {
                endpoint.ConfigureConsumeTopology = false;
                if (isQuorum) endpoint.SetQuorumQueue();
                endpoint.Handler<Job>(context =>
                {
                    failed.TrySetResult($"{context.Message.Number} {context.ReceiveContext.TransportHeaders.Get<string>("MT-Fault-Message")}");
                    return Task.CompletedTask;
                });
            });
        });
        await bus.Publish(new Job(7));
        Assert.That(await failed.Task.WaitAsync(Patience.Start), Is.EqualTo("7 on purpose"));
        Assert.That(tries, Is.EqualTo(3));
    }

    [Test]
    public async Task With_a_single_active_consumer_messages_are_handled_in_order()
    {
        var (queue, handled) = (Name("in_order"), new ConcurrentQueue<int>());
        var bus = await Start((configure, _) => configure.ReceiveEndpoint(queue, endpoint =>
        {
            endpoint.SingleActiveConsumer = true;
            endpoint.PrefetchCount = 1;
            endpoint.ConcurrentMessageLimit = 1;
            endpoint.Handler<Job>(context =>
            {
                handled.Enqueue(context.Message.Number);
                return Task.CompletedTask;
            });
        }));
        foreach (var number in Enumerable.Range(1, 50)) await bus.Publish(new Job(number));
        await Eventually.True(() => handled.Count == 50);
        Assert.That(handled, Is.EqualTo(Enumerable.Range(1, 50)));
    }

    [Test]
    public async Task Priorities_and_publishes_to_many_arrive()
    {
        var handled = new ConcurrentBag<string>();
        var bus = await Start((configure, name) =>
        {
            foreach (var place in (string[])["one", "two", "three"])
            {
                configure.ReceiveEndpoint(name(place), endpoint =>
                {
                    endpoint.EnablePriority(9);
                    endpoint.Handler<Job>(context =>
                    {
                        handled.Add(string.Create(CultureInfo.InvariantCulture, $"{place} {context.Message.Number}"));
                        return Task.CompletedTask;
                    });
                });
            }
        });
        foreach (var number in Enumerable.Range(1, 10)) await bus.Publish(new Job(number), context => context.SetPriority((byte)(number % 10)));
        await Eventually.True(() => handled.Count == 30);
        Assert.That(handled.Distinct().Count(), Is.EqualTo(30));
    }

    /// <summary>By an exchange of type x-delayed-message, which Debian's RabbitMQ does not have.</summary>
    [Test, Newer]
    public async Task A_message_can_be_scheduled()
    {
        var handled = new TaskCompletionSource<DateTime>(TaskCreationOptions.RunContinuationsAsynchronously);
        var bus = await Start((configure, name) =>
        {
            configure.UseDelayedMessageScheduler();
            configure.ReceiveEndpoint(name("later"), endpoint => endpoint.Handler<Job>(_ =>
            {
                handled.TrySetResult(DateTime.UtcNow);
                return Task.CompletedTask;
            }));
        });
        var due = DateTime.UtcNow + TimeSpan.FromSeconds(1.5);
        await bus.CreateDelayedMessageScheduler().SchedulePublish(due, new Job(1));
        Assert.That(await handled.Task.WaitAsync(Patience.Start), Is.GreaterThanOrEqualTo(due - TimeSpan.FromMilliseconds(50)));
    }

    private async Task<IBusControl> Start(Action<IRabbitMqBusFactoryConfigurator, Func<string, string>> configure)
    {
        _bus = MassTransit.Bus.Factory.CreateUsingRabbitMq(bus =>
        {
            bus.Host(Broker.Address.ToString(), (ushort)Broker.Port, "/", _ => { });
            configure(bus, place => Name(place));
        });
        await _bus.StartAsync(Patience.Start);
        return _bus;
    }

    public sealed record Question(int Number);

    public sealed record Answer(int Number);

    public sealed record Job(int Number);
}
