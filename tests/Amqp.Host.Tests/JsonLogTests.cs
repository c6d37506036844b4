using System.Diagnostics;
using System.Text.Json;
using Amqp.Testing;

namespace Amqp.Host.Tests;

/// <summary>The log as JSON, for programs: a line an event, with an id that stays.</summary>
internal sealed class JsonLogTests
{
    [Test]
    public async Task Each_event_is_a_line_with_its_category_id_and_values()
    {
        var directory = Directory.CreateTempSubdirectory("json-log").FullName;
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true };
        foreach (var argument in (string[])
        [
            TestBroker.Executable, "--Logging:Console:FormatterName=json", $"--Storage:Directory={directory}", "--Listeners:Amqp:Port=0", "--Listeners:Management:Port=0", "--Listeners:Prometheus:Port=0", "--Node:Name=json@localhost",
        ])
            start.ArgumentList.Add(argument);
        using var broker = Process.Start(start)!;
        try
        {
            var events = new List<JsonElement>();
            while (events.Count == 0 || Message(events[^1]) != "Server startup complete")
                events.Add(JsonElement.Parse(await broker.StandardOutput.ReadLineAsync().WaitAsync(Patience.Answer) ?? throw new AssertionException("the broker ended")));
            Assert.That(events.Select(each => each.GetProperty("EventId").GetInt32()), Has.None.Zero);
            var identity = events.Single(each => Message(each).Contains("data directory", StringComparison.Ordinal) && each.GetProperty("State").TryGetProperty("Name", out _));
            Assert.That((identity.GetProperty("Category").GetString(), identity.GetProperty("LogLevel").GetString()), Is.EqualTo(("Amqp.Host.Server", "Information")));
            Assert.That(identity.GetProperty("State").GetProperty("Name").GetString(), Is.EqualTo("json@localhost"));
            // The number is made of the event's name; if it changes, so do people's alerts.
            Assert.That(events[^1].GetProperty("EventId").GetInt32(), Is.EqualTo(StartedId));
        }
        finally
        {
            broker.Kill();
            await broker.WaitForExitAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    private const int StartedId = 1929458206;

    private static string Message(JsonElement happened) => happened.GetProperty("Message").GetString()!;
}
