using AMQP.Net;
using System.Text.Json;

namespace Amqp.Core.Errors;

/// <content>JSON, as RabbitMQ reads it: texts are binaries, objects are maps.</content>
internal static partial class ErlangTerm
{
    public static string Render(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Binary(LosslessUtf8.GetBytes(value.GetString()!)),
        JsonValueKind.Array => $"[{string.Join(',', value.EnumerateArray().Select(Render))}]",
        JsonValueKind.Object => $"#{{{string.Join(',', value.EnumerateObject().Select(Association))}}}",
        _ => value.GetRawText(),
    };

    /// <summary>Members of an object as a list of pairs: <c>[{&lt;&lt;"key"&gt;&gt;,1}]</c>.</summary>
    public static string Render(IEnumerable<KeyValuePair<string, JsonElement>> members) =>
        $"[{string.Join(',', members.Select(member => $"{{{Binary(LosslessUtf8.GetBytes(member.Key))},{Render(member.Value)}}}"))}]";

    private static string Association(JsonProperty member) => $"{Binary(LosslessUtf8.GetBytes(member.Name))} => {Render(member.Value)}";
}
