using System.Text.Json;
using System.Text.Json.Nodes;

namespace Amqp.Management.Http;

/// <summary>Adds up what nodes say of themselves, each in the same shape.</summary>
internal static class JsonSums
{
    /// <summary>When a sample was taken: nodes take theirs within seconds of each other.</summary>
    private const string NotAdded = "timestamp";

    /// <summary>All numbers of the same name are added, and of lists those in the same place.</summary>
    public static JsonObject Of(JsonElement first, IEnumerable<JsonElement> others)
    {
        var sum = JsonObject.Create(first)!;
        foreach (var other in others) Add(sum, JsonObject.Create(other)!);
        return sum;
    }

    private static void Add(JsonObject sum, JsonObject other)
    {
        foreach (var (name, more) in other)
        {
            if (name == NotAdded) continue;
            switch (sum[name], more)
            {
                case (null, _):
                    sum[name] = more?.DeepClone();
                    break;
                case (JsonObject own, JsonObject members):
                    Add(own, members);
                    break;
                case (JsonArray own, JsonArray items):
                    foreach (var (one, item) in own.OfType<JsonObject>().Zip(items.OfType<JsonObject>())) Add(one, item);
                    break;
                case (JsonValue own, JsonValue value):
                    sum[name] = Add(own, value);
                    break;
            }
        }
    }

    private static JsonValue Add(JsonValue one, JsonValue other) => one.TryGetValue(out long count) && other.TryGetValue(out long more)
        ? JsonValue.Create(count + more)
        : JsonValue.Create(one.GetValue<double>() + other.GetValue<double>());
}
