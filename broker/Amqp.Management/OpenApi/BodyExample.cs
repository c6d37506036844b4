using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;

namespace Amqp.Management.OpenApi;

/// <summary>What an endpoint takes, by example.</summary>
/// <param name="Json">An object.</param>
internal sealed record BodyExample(string Json)
{
    public JsonNode Node => JsonNode.Parse(Json)!;
}

/// <summary>An endpoint whose answer is a list of which clients may want a page.</summary>
internal sealed record HasPages;

/// <summary>What the document of the API knows of an endpoint beyond its path and who may use it.</summary>
internal static class DocumentedEndpoints
{
    public static TBuilder WithBody<TBuilder>(this TBuilder endpoint, string example)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new BodyExample(example));

    public static TBuilder WithPages<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new HasPages());
}
