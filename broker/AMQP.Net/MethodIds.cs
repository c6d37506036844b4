using System.Collections.Frozen;
using System.Text;

namespace AMQP.Net;

/// <summary>What is known of a method by its number alone.</summary>
public static class MethodIds
{
    private static readonly FrozenDictionary<MethodId, string> Names =
        Enum.GetValues<MethodId>().ToFrozenDictionary(id => id, id => Spell(id.ToString()));

    /// <summary>False for numbers that no method of <see cref="MethodId"/> has.</summary>
    public static bool IsKnown(this MethodId id) => Names.ContainsKey(id);

    /// <summary>The specification's spelling, <c>basic.recover-async</c>; class and method number, <c>60.99</c>, when unknown.</summary>
    public static string Name(this MethodId id) =>
        Names.TryGetValue(id, out var name) ? name : $"{(uint)id >> 16}.{(ushort)id}";

    /// <summary>True for the methods that a content header follows.</summary>
    public static bool HasContent(this MethodId id) =>
        id is MethodId.BasicPublish or MethodId.BasicDeliver or MethodId.BasicReturn or MethodId.BasicGetOk;

    /// <summary>The class number: 60 for basic.</summary>
    public static ushort ClassId(this MethodId id) => (ushort)((uint)id >> 16);

    /// <summary>The first word of a member's name is its class, the others are its method: <c>BasicRecoverAsync</c>.</summary>
    private static string Spell(string member)
    {
        var name = new StringBuilder();
        foreach (var letter in member)
        {
            if (char.IsUpper(letter) && name.Length > 0) name.Append(name.ToString().Contains('.') ? '-' : '.');
            name.Append(char.ToLowerInvariant(letter));
        }
        return name.ToString();
    }
}
