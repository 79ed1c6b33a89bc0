// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Batch, Params, Place, Source} from "../Types.sol";

/// @notice The contracts around the core. All are immutable in it; none can be replaced.
struct Modules {
    IRules rules;
    IModels models;
    ISplitter splitter;
    IIncome datanets;
    IIncome staking;
    address audit;
    address governor;
    address treasury;
    ITokenEdge edge; // zero where OPEN is the chain's own coin
}

interface IRules {
    function version(uint256 index) external view returns (Params memory);
    function inForce() external view returns (uint16 version, uint16 penalty);
}

interface IModels {
    function ownerOf(uint32 model) external view returns (address);
    function lineage(uint32 model) external view returns (uint32 base, Source[] memory sources);
}

interface ISplitter {
    function earned(uint32 key, Batch calldata batch, uint32 poster, bytes calldata leaves) external view returns (uint256);
    function all(Batch calldata batch, uint32 poster, bytes calldata leaves)
        external
        view
        returns (uint32[] memory keys, uint256[] memory rewards);
}

/// @notice A module that shares out what one of its reward keys earned. The core has already credited it.
interface IIncome {
    function onIncome(uint32 key, uint256 amount) external;
}

/// @notice Holds the tokens where OPEN is an ERC-20.
interface ITokenEdge {
    function pay(address to, uint256 amount) external;
}

/// @notice What modules ask of the core.
interface ISettlement {
    function move(address from, address to, uint256 amount) external;
    function penalise(uint256 id, Batch calldata batch, uint256 amount, address prover) external returns (uint256 taken);
    function admitModel() external returns (uint32 id);
    function personOwner(uint32 id) external view returns (address);
    function people() external view returns (uint32);
    function rulesInForce() external view returns (uint16);
    function batchId(Place calldata place, Batch calldata batch) external view returns (uint256);
    function credit(address account, uint256 amount) external;
}
